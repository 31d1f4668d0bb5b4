// A paged, sortable table. Only the rows of one page are in the document, so ten thousand stay quick.

const PAGE_SIZES = [10, 25, 50, 100, 250];
// What a printed page shows of a long table; the rest is in report.json.
const PRINT_ROWS = 400;

// options: {id, caption, captionClass, columns, rows, empty, pageSize, sort, page, expand, rowId, onState}
// column: {key, label, cell(row), value(row), numeric, header, hide, descending}
// `value` makes the column sortable; `header` marks the row header; `expand(row)` fills a fold below the row,
// of those rows that are `expandable` where that is given.
function makeTable(options) {
  const state = {
    rows: options.rows ?? [],
    sort: options.sort ?? "",
    page: options.page ?? 1,
    size: options.pageSize ?? 25,
  };
  const table = { state, printing: false, options };
  table.body = el("tbody", { role: "rowgroup" });
  table.heads = new Map();
  table.pager = makePager(table);
  const caption = el("caption", { class: options.captionClass }, options.caption);
  table.element = el(
    "table",
    { role: "table", class: options.class ?? "", id: options.id },
    caption,
    makeHead(table),
    table.body,
  );
  // Printing finds the table again through its element.
  table.element.paged = table;
  table.node = el(
    "div",
    { class: "table-block" },
    makeSortChoice(table),
    el("div", { class: "table-wrap" }, table.element),
    table.pager.node,
  );
  table.update = (rows, page = 1) => {
    state.rows = rows;
    state.page = page;
    drawTable(table);
  };
  const change = (changes) => {
    Object.assign(state, changes);
    drawTable(table);
    announce(`${plain(options.caption, 60)}: rows ${table.pager.range.textContent}`);
    options.onState?.(state);
  };
  table.setSort = (sort) => change({ sort, page: 1 });
  table.setPage = (page) => change({ page });
  table.setSize = (size) => change({ size, page: 1 });
  drawTable(table);
  return table;
}

function makeHead(table) {
  const row = el("tr", { role: "row" });
  for (const column of table.options.columns) {
    const props = { scope: "col", role: "columnheader", class: cellClass(column) };
    if (!column.value) {
      row.append(el("th", props, column.label));
      continue;
    }
    const button = el(
      "button",
      {
        type: "button",
        class: "sort",
        on: { click: () => table.setSort(nextSort(table.state.sort, column)) },
      },
      column.label,
    );
    const head = el("th", props, button);
    table.heads.set(column.key, head);
    row.append(head);
  }
  return el("thead", { role: "rowgroup" }, row);
}

function cellClass(column) {
  return (
    [column.numeric ? "numeric" : "", column.hide ? `hide-${column.hide}` : "", column.class ?? ""]
      .join(" ")
      .trim() || null
  );
}

// "key" sorts up, "-key" down; the first click takes the direction the column is mostly wanted in.
function nextSort(sort, column) {
  const up = column.key;
  const down = "-" + column.key;
  if (sort === up) return down;
  if (sort === down) return up;
  return column.descending ? down : up;
}

// On narrow screens the head is not shown: there a choice list sorts.
function makeSortChoice(table) {
  const sortable = table.options.columns.filter((column) => column.value);
  if (!sortable.length) return null;
  const choice = el(
    "select",
    {},
    el("option", { value: "" }, "as listed"),
    sortable.flatMap((column) => [
      el("option", { value: column.key }, `${column.label}, ascending`),
      el("option", { value: "-" + column.key }, `${column.label}, descending`),
    ]),
  );
  choice.addEventListener("change", () => table.setSort(choice.value));
  table.choice = choice;
  return el("label", { class: "narrow-sort" }, "Sort by ", choice);
}

function makePager(table) {
  const step = (by) => () => {
    const page = table.state.page + by;
    if (page < 1 || page > pageCount(table)) return;
    table.setPage(page);
    table.element.scrollIntoView({ block: "nearest" });
  };
  const pager = {
    before: el("button", { type: "button", on: { click: step(-1) } }, "Previous"),
    after: el("button", { type: "button", on: { click: step(1) } }, "Next"),
    range: el("span", { class: "range" }),
    size: el(
      "select",
      {},
      PAGE_SIZES.map((size) => el("option", { value: size }, String(size))),
    ),
  };
  pager.size.addEventListener("change", () => table.setSize(Number(pager.size.value)));
  pager.node = el(
    "div",
    { class: "pager", role: "group", "aria-label": `Pages: ${plain(table.options.caption, 60)}` },
    pager.before,
    pager.range,
    pager.after,
    el("label", {}, "Rows ", pager.size),
  );
  return pager;
}

function pageCount(table) {
  return Math.max(1, Math.ceil(table.state.rows.length / table.state.size));
}

function sortRows(rows, columns, sort) {
  const down = sort.startsWith("-");
  const column = columns.find((one) => one.value && one.key === (down ? sort.slice(1) : sort));
  if (!column) return rows;
  const keyed = rows.map((row, index) => ({ row, index, value: column.value(row) }));
  const order = down ? -1 : 1;
  keyed.sort((left, right) => {
    if (left.value < right.value) return -order;
    if (left.value > right.value) return order;
    return left.index - right.index;
  });
  return keyed.map((one) => one.row);
}

function drawTable(table) {
  const { state, options } = table;
  const pages = pageCount(table);
  state.page = Math.min(Math.max(state.page, 1), pages);
  const from = table.printing ? 0 : (state.page - 1) * state.size;
  const to = table.printing ? PRINT_ROWS : from + state.size;
  const shown = sortRows(state.rows, options.columns, state.sort).slice(from, to);
  table.body.replaceChildren(...shown.flatMap((row) => drawRow(table, row)));
  if (!shown.length) {
    table.body.append(
      el(
        "tr",
        { role: "row" },
        el(
          "td",
          { role: "cell", class: "empty", colspan: options.columns.length },
          options.empty ?? "Nothing to show.",
        ),
      ),
    );
  }
  drawHead(table);
  drawPager(table, from, from + shown.length, pages);
}

function drawHead(table) {
  const { sort } = table.state;
  for (const [key, head] of table.heads) {
    if (sort === key) head.setAttribute("aria-sort", "ascending");
    else if (sort === "-" + key) head.setAttribute("aria-sort", "descending");
    else head.removeAttribute("aria-sort");
  }
  if (table.choice) table.choice.value = sort;
}

function drawPager(table, from, to, pages) {
  const { pager, state } = table;
  const total = state.rows.length;
  pager.node.hidden = total <= Math.min(state.size, 25) && state.size <= 25;
  pager.size.value = String(state.size);
  pager.range.textContent = total ? `${num(from + 1)}–${num(to)} of ${num(total)}` : "0";
  // aria-disabled keeps the focus on the button at either end.
  pager.before.setAttribute("aria-disabled", String(state.page <= 1));
  pager.after.setAttribute("aria-disabled", String(state.page >= pages));
}

function drawRow(table, row) {
  const { columns, expand, expandable, rowId, rowClass } = table.options;
  const line = el("tr", { role: "row", id: rowId?.(row), class: rowClass?.(row) });
  columns.forEach((column) => {
    const tag = column.header ? "th" : "td";
    const props = {
      role: column.header ? "rowheader" : "cell",
      class: cellClass(column),
      "data-label": column.label,
    };
    if (column.header) props.scope = "row";
    line.append(el(tag, props, column.cell(row)));
  });
  if (!expand || (expandable && !expandable(row))) return [line];
  const fold = makeFold(table, row, line);
  return [line, fold];
}

// The fold under a row is filled when it is first opened.
function makeFold(table, row, line) {
  const inside = el("td", { role: "cell", colspan: table.options.columns.length });
  const fold = el("tr", { role: "row", class: "fold", hidden: true }, inside);
  const button = el("button", {
    type: "button",
    class: "unfold",
    "aria-expanded": "false",
    "aria-label": table.options.expandLabel(row),
  });
  const toggle = (open) => {
    fold.hidden = !open;
    button.setAttribute("aria-expanded", String(open));
    if (open && !inside.hasChildNodes()) append(inside, [table.options.expand(row)]);
  };
  button.addEventListener("click", () => toggle(fold.hidden));
  line.openFold = () => toggle(true);
  const first = line.querySelector("th") ?? line.firstElementChild;
  first.classList.add("folding");
  first.prepend(button);
  return fold;
}

function printTables(printing) {
  for (const { paged } of document.querySelectorAll(".table-block table")) {
    paged.printing = printing;
    drawTable(paged);
  }
}
