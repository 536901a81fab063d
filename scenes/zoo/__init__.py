"""Animals and characters that the package makes up, with everything about them known."""
