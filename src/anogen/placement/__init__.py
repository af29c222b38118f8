"""Where a defect may go: foreground, boxes, legal regions. Knows images, no networks."""
