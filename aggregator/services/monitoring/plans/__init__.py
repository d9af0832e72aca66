"""Plans of sites and areas: who sees and changes them, and their pictures, which a process of its own encodes anew."""
