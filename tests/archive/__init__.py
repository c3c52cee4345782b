"""What an archive is good for besides being verified: rebuilding, exporting, searching."""
