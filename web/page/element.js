// Makes elements. Text is always inserted as text: nothing that comes from a chat is parsed as HTML.

/**
 * @template {keyof HTMLElementTagNameMap} Name
 * @typedef {Partial<HTMLElementTagNameMap[Name]> & { aria?: Record<string, string>, data?: Record<string, string> }}
 *   Properties The properties of an element; `aria` and `data` are its `aria-` and `data-` attributes.
 */

/** @typedef {Node | string | null | undefined} Child */

const SVG = "http://www.w3.org/2000/svg";

/**
 * Makes an element.
 *
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {Omit<Properties<Name>, "children">} [properties]
 * @param {...Child} children Null and undefined are left out.
 * @returns {HTMLElementTagNameMap[Name]}
 */
export function element(name, properties, ...children) {
  const { aria, data, ...others } = properties ?? /** @type {Properties<Name>} */ ({});
  const made = Object.assign(document.createElement(name), others);
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

/**
 * Draws an icon, which is hidden from screen readers: text beside it says the same.
 *
 * @param {keyof typeof PATHS} name
 * @returns {SVGSVGElement}
 */
export function icon(name) {
  return drawing(PATHS[name], "icon");
}

/**
 * Draws one path in a box of 16 x 16 units.
 *
 * @param {string} path
 * @param {string} className
 * @returns {SVGSVGElement}
 */
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
