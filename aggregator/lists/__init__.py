"""The sites' lists: who may drive in, who may not, which cards are lost. Edited here, compared on the boxes."""
