"""SIP, SDP and MANSCDP of a device. Pure, with the time passed in; only `transport` has sockets."""
