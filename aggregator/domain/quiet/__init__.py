"""What keeps an alert out of the queue, and what that may never do. Pure: no storage, clock or randomness.

Silences, maintenance windows and shelves are decisions of people; inhibition follows from another alert that is the
cause; flood and chattering are properties of the stream of alerts. None of them changes whether an alert's condition is
active or who has acknowledged it: they decide only whether it is shown in the queue and announced.
"""
