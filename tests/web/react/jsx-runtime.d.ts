// Declares React's JSX runtime.

export type { JSX } from "react";
export declare function jsx(type: unknown, properties: unknown): unknown;
export declare function jsxs(type: unknown, properties: unknown): unknown;
