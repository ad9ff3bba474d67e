"""Photographs to batches of LR and HR patches, damaged as pictures in the wild are.

- `augmentations`: what happens to a picture besides being shrunk: blur, noise, JPEG and
  the like
- `damages`: damages by name: what small pictures go through after, or before, they are
  shrunk
- `degradation_vector`: the degradation: ten numbers that say how a picture was made, in
  units people know
- `degradations`: degradations: HR patches to the LR patches that a camera, an app or a
  site made
- `draws`: the random choices of the augmentations, drawn in NumPy for the graph to
  apply
- `kernels`: down-sampling: the six kernels by which pictures in the wild were shrunk,
  and more
- `packs`: packs: decoded photographs in one file that is mapped into memory, not read
- `pairs`: pairs: real LR pictures and the HR pictures that belong to them, by name
- `patches`: training data: patches cut from photographs, and the batches of a stage
- `photographs`: photographs of several sources, decoded once, in memory or in a pack
- `renderings`: renderings: pictures of text and line art, drawn to train on beside
  photographs
- `sources`: sources: where photographs come from, each named by one string
"""
