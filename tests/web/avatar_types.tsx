// Checks avatar.d.ts against avatar.js and in JSX. It is checked and never run.

// @ts-types="../../web/avatar.d.ts"
import { ChatAvatar, type ChatImage } from "../../web/avatar.js";
import { ChatAvatar as Defined } from "../../web/avatar.js";

// The declared class and the defined one can stand for each other.
export const declared: typeof ChatAvatar = Defined;
export const defined: new () => Pick<Defined, keyof ChatAvatar> = ChatAvatar;

interface Chat {
  title?: string;
  image: ChatImage;
  facepile?: ChatImage[];
}

export function Example({ chat, base }: { chat: Chat; base: string }) {
  return (
    <li>
      <chat-avatar
        key="a"
        className="face"
        image={chat.image}
        faces={chat.facepile}
        name={chat.title}
        size={56}
        base={base}
        aria-hidden="true"
        onClick={({ currentTarget }) => currentTarget.size.toFixed()}
      />
      {chat.title}
    </li>
  );
}

// @ts-expect-error: an image is an object.
export const wrongImage = <chat-avatar image="https://a.example/1.png" />;

// @ts-expect-error: there is no such property.
export const wrongProperty = <chat-avatar picture={null} />;

export const made: number = document.createElement("chat-avatar").size;
