"""Models measured on HR pictures, compared and reported.

- `command`: measure models: `python -m srlite evaluate --model light_psnr --hr-dir DIR`
- `contenders`: what is compared: models, plain filters and foreign programs, all as one
  function
- `data_sets`: the pictures that models are measured on: folders of HR, pairs, and known
  sets
- `evaluation`: shrink, enlarge, compare: every model on every picture under every
  condition
- `gains`: scores by damage, and how much models gain on plain enlargement
- `measures`: what an evaluation measures of SR pictures: built once, before the first
  picture
- `options`: the options of `python -m srlite evaluate`
- `protocol`: how LR pictures are made for an evaluation
- `records`: scores of single pictures: what they are called, and the files that keep
  them and the pictures
- `statistics`: from scores of single pictures to figures about models
- `tables`: scores for people: tables on the terminal, Markdown, CSV
- `report`: the report of an evaluation, a page with charts and strips
"""
