"""Pictures set side by side, for people to look at.

- `crops`: what a comparison shows of one picture: a telling crop, its surroundings,
  errors
- `figure`: the figure that sets LR, bicubic and SR side by side
- `slider_page`: pictures compared under a slider, in a page that is one HTML file
- `strips`: comparison strips: LR, models and HR side by side as one PNG, with labels;
  the colours of charts
"""
