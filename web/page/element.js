// Elements with their children. Text is always text: nothing of a chat is ever parsed as HTML.

const SVG = "http://www.w3.org/2000/svg";

/** `properties` are those of the element; `aria` and `data` are attributes. Children may be null. */
export function element(name, { aria, data, ...properties } = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  for (const [key, value] of Object.entries(aria ?? {})) made.setAttribute(`aria-${key}`, value);
  Object.assign(made.dataset, data);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

const PATHS = {
  archive: "M2 3h12v3H2zm1 4h10v6H3zm3 1.2v1.3h4V8.2z",
  muted:
    "M2 6h2.6L8 3v10L4.6 10H2zm8 .2 1-1L12.2 6.5 13.5 5.2l1 1L13.2 7.5l1.3 1.3-1 1-1.3-1.3L11 9.8l-1-1 1.2-1.3z",
  pinned: "M6 1.5h4l-.6 4.2 2.6 2.3v1.5H8.7V14L8 15l-.7-1V9.5H4V8l2.6-2.3z",
  back: "M10.8 2.6 5.4 8l5.4 5.4-1.2 1.2L3 8l6.6-6.6z",
};

/** A small drawing that says nothing a reader would miss. */
export function icon(name) {
  return drawing(PATHS[name], "icon");
}

/** One path in a 16 x 16 box. */
export function drawing(path, className) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", className);
  svg.setAttribute("aria-hidden", "true");
  const outline = document.createElementNS(SVG, "path");
  outline.setAttribute("d", path);
  svg.append(outline);
  return svg;
}
