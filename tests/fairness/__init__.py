"""How long others wait while a person of 50,000 archived results is upgraded."""
