"""What, when and how to transfer."""
