// Declares the few of React's types that avatar.d.ts and avatar_types.tsx use, so that the check needs no npm.

export as namespace React;

export interface Attributes {
  key?: string;
}

export interface HTMLAttributes<Made> extends Attributes {
  children?: unknown;
  className?: string;
  "aria-hidden"?: boolean | "true" | "false";
  onClick?: (event: { currentTarget: Made }) => void;
}

export type DetailedHTMLProps<Properties extends HTMLAttributes<Made>, Made> = Properties & {
  ref?: { current: Made | null };
};

export namespace JSX {
  interface Element {
    type: unknown;
  }

  interface ElementChildrenAttribute {
    children: unknown;
  }

  interface IntrinsicElements {
    li: DetailedHTMLProps<HTMLAttributes<HTMLLIElement>, HTMLLIElement>;
  }
}
