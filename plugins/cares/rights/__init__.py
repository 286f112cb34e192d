"""What people may ask of us: to see what is held about them, and to have it corrected; and the evidence that it is obeyed."""
