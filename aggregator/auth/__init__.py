"""Who works here: roles, what each may do and where, second factors, tokens."""
