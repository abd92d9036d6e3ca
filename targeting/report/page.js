"use strict";
// The page reads without this: it only makes the two kinds of buttons work, and shows them.
for (const button of document.querySelectorAll("button[data-does]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    if (button.dataset.does === "print") {
      window.print();
      return;
    }
    const text = document.getElementById(button.dataset.of);
    const range = document.createRange();
    range.selectNodeContents(text);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    let copied = false;
    try {
      await navigator.clipboard.writeText(text.innerText);
      copied = true;
    } catch {
      copied = document.execCommand("copy"); // a page from a disk may not use the clipboard in every browser
    }
    button.textContent = copied ? "Copied" : "Selected: copy it with the keyboard";
  });
}
