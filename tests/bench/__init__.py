"""`make bench`: how long the way from an answer to the resumed agent takes, and where the time goes."""
