"""What happens to the people of the borough, from their births on: who knows of it, and how well, is told elsewhere."""
