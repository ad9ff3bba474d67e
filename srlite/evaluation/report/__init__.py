"""The report of an evaluation.

- `charts`: charts of an evaluation: scores and gains by kernel, and perception against
  PSNR
- `page`: the page around a report: its looks, on screens light and dark and on paper
- `pictures`: the best and the worst pictures of a report, as strips and as parts of a
  page
- `report`: the report of an evaluation: `report.html`, and its strips as PNG files
"""
