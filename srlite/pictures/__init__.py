"""Picture files to pixels, and pixels to picture files.

- `animation_frames`: animated GIF, WebP, PNG and AVIF: whole frames, upright, and what
  the file says
- `colour`: what levels mean as colours, where no RGB profile says it
- `decoding`: open picture files that nobody vouches for
- `embedded`: read blocks of metadata that Pillow skips, or reads in part
- `encoders`: write PNG and TIFF files of 8 and 16 bits a channel, band by band
- `exif`: EXIF blocks and TIFF directories, byte for byte
- `levels`: arithmetic on levels: checks, conversions, grey, luma, bicubic enlargement
- `metadata`: what a picture file says besides its pixels, made to hold for another file
- `picture`: read pictures, from files and from a user's arrays
- `sixteen_bit`: read 16-bit PNG and TIFF files at full depth
- `transparency`: colours under transparent pixels, so that enlarging makes no fringe
- `writing`: write picture files, whole or not at all
"""
