"use strict";
// Filters and search only hide rows; without this script the page shows every sentence.
const rows = [...document.querySelectorAll("#rows > article")];
const boxes = [...document.querySelectorAll("#tools input[type=checkbox]")];
const search = document.getElementById("search");
let texts = null;

// The searched text of a row: its lines without the type labels, then all its text.
const textOf = (row) => {
  const lines = [...row.querySelectorAll(".line")].map((line) =>
    [...line.querySelectorAll("bdi")].map((part) => part.textContent).join(""));
  return [...lines, row.textContent].join("\n").toLowerCase();
};

const show = () => {
  const kinds = boxes.filter((box) => box.checked).map((box) => box.value);
  const query = search.value.trim().toLowerCase();
  if (query && texts === null) texts = rows.map(textOf);
  let shown = 0;
  rows.forEach((row, index) => {
    const own = row.dataset.kinds.split(" ");
    const keep = (kinds.length === 0 || kinds.some((kind) => own.includes(kind))) &&
      (query === "" || texts[index].includes(query));
    row.hidden = !keep;
    shown += keep;
  });
  document.getElementById("shown").textContent = `${shown} of ${rows.length} sentences`;
};

boxes.forEach((box) => box.addEventListener("change", show));
search.addEventListener("input", show);
document.getElementById("all").addEventListener("click", () => {
  boxes.forEach((box) => { box.checked = false; });
  search.value = "";
  show();
});
// A browser may restore the form after a reload, but not the filter.
show();
