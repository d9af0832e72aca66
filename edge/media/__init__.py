"""Containers and codecs: NAL units, MP4 boxes and fragments, audio, encoder, orientation."""
