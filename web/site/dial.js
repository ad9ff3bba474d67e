// What was seen of a picture, and sliders for what the reader wants instead.
import { toWords } from "./degradation.js";

export class Dial {
  constructor(root, onAgain) {
    this.words = root.querySelector("#seen");
    this.sliders = [...root.querySelectorAll("[type=range]")];
    root.addEventListener("input", ({ target }) => {
      this.said[target.id] = Number(target.value);
      this.draw();
    });
    root.querySelector("#auto").addEventListener("click", () => this.begin(this.seen));
    root.querySelector("#again").addEventListener("click", onAgain);
  }

  // A new picture starts from what was seen.
  begin(seen) {
    this.seen = seen;
    this.said = {};
    this.draw();
  }

  // What the model is to be told.
  get told() {
    return { ...this.seen, ...this.said };
  }

  draw() {
    const [seen, told] = [toWords(this.seen), toWords(this.told)];
    this.words.textContent = `Seen: ${seen}${told === seen ? "" : `; told: ${told}`}`;
    for (const slider of this.sliders) {
      slider.value = this.told[slider.id];
      const isNone = Number(slider.value) === Number(slider.dataset.none);
      const text = isNone ? "none" : slider.value + (slider.dataset.unit ?? "");
      slider.ariaValueText = text;
      slider.labels[0].querySelector("span").textContent = text;
    }
  }
}
