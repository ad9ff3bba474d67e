"""Photographs to batches of LR and HR patches, damaged as pictures in the wild are.

- `augmentations`: blur, noise, sharpening, JPEG and holes, in the graph
- `damages`: damages by name, to measure with
- `degradation_vector`: ten numbers that say how a picture was made
- `degradations`: HR patches to LR patches, in the graph
- `draws`: the random choices of the augmentations, in NumPy
- `kernels`: the six kernels that pictures in the wild were shrunk by, and more
- `packs`: decoded photographs in one file that is mapped into memory
- `pairs`: real LR pictures and their HR pictures, matched by name
- `patches`: patches cut from photographs, and the batches of a stage
- `photographs`: photographs of several sources, decoded once
- `renderings`: pictures of text and line art to train on
- `sources`: where photographs come from, each named by one string
"""
