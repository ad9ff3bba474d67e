"""Models measured on HR pictures, compared and reported.

- `command`: measure models: `python -m srlite evaluate --model light_psnr --hr-dir DIR`
- `contenders`: models, plain filters and foreign programs, all as one function
- `data_sets`: folders of HR pictures, pairs, and known sets
- `evaluation`: shrink, enlarge, compare, for every picture, condition and model
- `gains`: scores by damage, and how much models gain on plain enlargement
- `measures`: what is measured of SR, built once, before the first picture
- `options`: the options of the command
- `protocol`: how LR pictures are made
- `records`: scores of single pictures, and the files that keep them and the pictures
- `statistics`: from scores of single pictures to figures about models
- `tables`: scores for people: tables on the terminal, Markdown, CSV
- `report`: a page with charts and strips
"""
