"""Pictures set side by side, for people to look at.

- `crops`: what is shown of a picture: a telling crop, its surroundings, errors
- `figure`: the figure that sets LR, bicubic and SR side by side
- `slider_page`: pictures under a slider, in one HTML file made of the parts in `pages/`
- `strips`: LR, models and HR side by side as one PNG; the colours of charts
"""
