"""The record: every look and every change of a list, in an order that cannot be changed unseen."""
