"""Task 4: Grad-CAM of the better final model, and checks on its maps."""
