"""Picture files to pixels, and pixels to picture files.

- `animation_frames`: read animated GIF, WebP, PNG and AVIF
- `colour`: colours of files that have no RGB profile
- `decoding`: open untrusted picture files
- `embedded`: read blocks of metadata that Pillow skips, or reads in part
- `encoders`: write PNG and TIFF files of 8 and 16 bits a channel, band by band
- `exif`: EXIF blocks and TIFF directories, byte for byte
- `levels`: arithmetic on levels: checks, conversions, grey, luma, bicubic enlargement
- `metadata`: metadata of a picture, fitted to another file
- `picture`: read pictures, from files and from a user's arrays
- `sixteen_bit`: read 16-bit PNG and TIFF files at full depth
- `transparency`: colours under transparent pixels, so that no fringe appears
- `writing`: write picture files, whole or not at all
"""
