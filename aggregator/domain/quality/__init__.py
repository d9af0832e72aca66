"""How good rules are, what a change of a rule would have done, and the figures of ISA-18.2 and IEC 62682. Pure."""
