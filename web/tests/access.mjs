// What keeps people from a page; both run within it, and return what they find at fault.

// Of what can be worked: what has no name that would be read aloud.
export function nameless() {
  return [...document.querySelectorAll("button, input, select, summary, [tabindex]")]
    .filter((element) => element.checkVisibility())
    .filter(
      (element) =>
        !(
          element.ariaLabel ||
          element.labels?.[0]?.textContent.trim() ||
          (element.matches("button, summary") && element.textContent.trim())
        ),
    )
    .map((element) => element.outerHTML);
}

// Texts with less contrast than WCAG 2.2, 1.4.3, asks for: 4.5.
export function faintTexts() {
  const levels = (colour) => colour.match(/[\d.]+/g).map(Number);
  const luminance = (colour) => {
    const [red, green, blue] = levels(colour)
      .slice(0, 3)
      .map((level) => level / 255)
      .map((x) => (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  // What is not quite clear counts as solid: only labels on pictures are.
  const ground = (element) => {
    for (; element; element = element.parentElement) {
      const colour = getComputedStyle(element).backgroundColor;
      if ((levels(colour)[3] ?? 1) > 0.5) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  return [...document.body.querySelectorAll("*")]
    .filter((element) => element.checkVisibility() && element.textContent.trim())
    .filter((element) =>
      [...element.childNodes].some(
        (node) => node.nodeType === Node.TEXT_NODE && node.data.trim(),
      ),
    )
    .map((element) => {
      const pair = [getComputedStyle(element).color, ground(element)];
      const [high, low] = pair.map(luminance).sort((a, b) => b - a);
      return [element.textContent.trim(), (high + 0.05) / (low + 0.05)];
    })
    .filter(([, contrast]) => contrast < 4.5);
}
