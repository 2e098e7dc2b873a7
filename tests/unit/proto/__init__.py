"""The language of the desk: units, money, messages and the codec."""
