// Declares the types of avatar.js: the element itself, `document.createElement("chat-avatar")`, and <chat-avatar> in
// React's JSX.

/** An image object of the API, as far as `<chat-avatar>` reads it. */
export interface ChatImage {
  status: "cached" | "pending" | "failed" | "none";
  /** The address of the copy that fills a square of 192 pixels, `…/192.webp`. The other copies are beside it. */
  url?: string | null;
  /** The original's width and height in pixels. */
  width?: number | null;
  height?: number | null;
  /** A ThumbHash in base64. */
  placeholder?: string | null;
  /** A CSS colour, shown until the picture has loaded. */
  color?: string | null;
  /** A CSS colour on which a transparent picture can be seen; it is shown behind the picture. */
  backdrop?: string | null;
  /** Whether there is an animated copy, shown while the pointer or the focus is on the avatar. */
  isAnimated?: boolean;
  initials?: string;
}

/** The properties of `<chat-avatar>`. All are optional. */
export interface ChatAvatarProperties {
  /** The picture to show. */
  image?: ChatImage | null;
  /** Pictures of members, of which up to four are shown while `image` is not cached. */
  faces?: ChatImage[] | null;
  /** The name of the person or chat: the accessible name, and the source of initials that `image` does not bring. */
  name?: string | null;
  /** The width and height in CSS pixels; 56 if it is not set. */
  size?: number | string | null;
  /** The origin of root-relative picture URLs, for example `https://d111.cloudfront.net`. */
  base?: string | null;
}

export class ChatAvatar extends HTMLElement {
  get image(): ChatImage | null;
  set image(value: ChatImage | null | undefined);
  get faces(): ChatImage[];
  set faces(value: ChatImage[] | null | undefined);
  get name(): string;
  set name(value: string | null | undefined);
  get size(): number;
  set size(value: number | string | null | undefined);
  get base(): string;
  set base(value: string | null | undefined);
}

declare global {
  interface HTMLElementTagNameMap {
    "chat-avatar": ChatAvatar;
  }
}

// Two lines of this block are errors where React's types are not installed; nothing needs the block there.
// @ts-ignore: the module may not exist.
declare module "react" {
  namespace JSX {
    // @ts-ignore: the namespace may not exist.
    type ChatAvatarAttributes = React.DetailedHTMLProps<React.HTMLAttributes<ChatAvatar>, ChatAvatar>;

    interface IntrinsicElements {
      "chat-avatar": ChatAvatarProperties & Omit<ChatAvatarAttributes, keyof ChatAvatarProperties>;
    }
  }
}
