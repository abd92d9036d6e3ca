"use strict";
// The page reads without this: it makes the buttons work and shows them, and lets long tables be searched and sorted.
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
for (const table of document.querySelectorAll("table[data-shown]")) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const [search, all, count] = ["filters", "all", "count"].map((name) =>
    document.querySelector(`[data-${name}="${table.id}"]`)
  );
  const most = Number(table.dataset.shown);
  let whole = false;
  const show = () => {
    // a word is looked for where a word begins, in what the row is called
    const words = search.value.split(/\s+/).filter(Boolean);
    const asked = words.map((word) => new RegExp(`(^|[^\\p{L}\\p{N}])${word.replace(/[^\p{L}\p{N}]/gu, "\\$&")}`, "iu"));
    let found = 0;
    for (const row of body.rows) {
      const name = [...row.querySelectorAll("[data-name]")].map((cell) => cell.textContent).join(" ");
      const fits = asked.every((word) => word.test(`${row.cells[0].dataset.value} ${name}`));
      found += fits;
      row.hidden = !fits || (!words.length && !whole && found > most);
    }
    count.textContent = words.length ? `${found} of ${body.rows.length}` : "";
    all.textContent = whole ? `Show the first ${most}` : `Show all ${body.rows.length}`;
  };
  search.addEventListener("input", show);
  all.addEventListener("click", () => {
    whole = !whole;
    show();
  });
  for (const [column, head] of heads.entries()) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const value = (row) => row.cells[column].dataset.value;
      const rows = [...body.rows];
      const numbers = rows.every((row) => value(row) !== "" && !Number.isNaN(Number(value(row))));
      const before = head.getAttribute("aria-sort");
      const falling = before === null ? numbers : before === "ascending"; // the largest first, words from A
      rows.sort((a, b) =>
        numbers ? Number(value(a)) - Number(value(b)) : value(a).localeCompare(value(b), "en", { numeric: true })
      );
      body.append(...(falling ? rows.reverse() : rows));
      for (const each of heads) each.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", falling ? "descending" : "ascending");
      show();
    });
  }
  if (document.getElementById("solid-viewer")?.textContent.trim()) {
    // a row's name shows in the 3D scene where the area peaks
    for (const row of body.rows) {
      const [name, button] = [row.cells[0], document.createElement("button")];
      button.type = "button";
      button.className = "sort shows";
      button.title = "Show in the 3D scene where it peaks";
      button.append(name.firstChild);
      name.prepend(button);
      button.addEventListener("click", () => {
        const at = row.dataset.at.split(",").map(Number);
        const text = `${name.dataset.value} ${row.cells[1].dataset.value}`;
        document.dispatchEvent(new CustomEvent("mark-place", { detail: { at, text } }));
      });
    }
  }
  search.closest("[hidden]").hidden = false;
}
