"""The report of an evaluation.

- `charts`: scores and gains by kernel, and perception against PSNR
- `page`: parts of the page in HTML
- `pictures`: the best and the worst pictures, as strips and as parts of the page
- `report`: `report.html`, and its strips as PNG files
"""
