"""Generated anomalies on disk: images, masks, manifest, provenance, export."""
