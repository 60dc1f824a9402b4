"""Items for real models: math by reasoning-gym, code from templates of our own."""
