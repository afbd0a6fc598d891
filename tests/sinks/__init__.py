"""From an effect to the bytes that leave."""
