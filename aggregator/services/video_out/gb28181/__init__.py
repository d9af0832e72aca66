"""Redacted live video for a superior platform after GB/T 28181, as a device: SIP, MANSCDP, a program stream over RTP.

`device` runs one device at one platform. It imports the domain, addresses of notifications and `common`. Requests of
that platform enter; pictures of a `VideoSource` leave, to the platform only.
"""
