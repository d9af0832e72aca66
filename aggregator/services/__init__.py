"""One use case in each module, with its authorization and its audit entry."""
