"""A subject drawn for people: turntables, contact sheets, passes."""
