"""Units, money and the arithmetic of trading that desk and venue share."""
