"""Stage 3: detectors that train on normals, procedural and generated anomalies."""
