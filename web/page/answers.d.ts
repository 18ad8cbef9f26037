// Declares what the API answers, as far as this page reads it; docs/openapi.json has the whole.

import type { ChatImage } from "../avatar.d.ts";

/** A moment in UTC, in ISO 8601. */
type Moment = string;

/** A picture, with whose it is and why it failed. What would be null, false or empty is left out. */
export interface Image extends ChatImage {
  source?: "chat" | "participant" | "contact" | "former";
  reason?: string;
}

/** A chat. What would be null, false, 0 or empty is left out. */
export interface Chat {
  chatId: string;
  network?: string;
  type: "single" | "group";
  title?: string;
  lastActivity?: Moment;
  lastMessage?: string;
  unreadCount?: number;
  isArchived?: boolean;
  isMuted?: boolean;
  isPinned?: boolean;
  isLowPriority?: boolean;
  isMarkedUnread?: boolean;
  mergedInto?: string;
  image: Image;
  facepile?: ChatImage[];
  participantCount: number;
}

export interface Chats {
  chats: Chat[];
  nextCursor: string | null;
}

export interface Participant {
  participantId?: string;
  fullName?: string;
  username?: string;
  isSelf?: boolean;
  image: Image;
}

export interface ChatDetail {
  chat: Chat;
  participants: Participant[];
  nextParticipantsCursor: string | null;
}

/** How Beeper answered the last sync. `since` is when it began to answer so. */
export interface Origin {
  state: "ok" | "offline" | "unauthorized" | "unknown";
  since: Moment | null;
  checkedAt: Moment | null;
}

/** The agent that syncs and fetches pictures on Beeper's computer. */
export interface Agent {
  state: "running" | "stopped" | "silent" | "never";
  since: Moment | null;
  lastSeenAt: Moment | null;
}

export interface Status {
  origin: Origin;
  /** Null if the functions ask Beeper themselves. */
  agent: Agent | null;
  accounts?: AccountName[];
}

/** An account in Beeper, by whose id a list of chats can be filtered. */
export interface AccountName {
  accountId: string;
  network: string | null;
}

/** An account in Beeper. `text` says what its status means, and `waiting` is null unless it needs a person. */
export interface Account {
  accountId: string;
  network: string | null;
  since: Moment | null;
  needsPerson: boolean;
  text: string;
  advice: string | null;
  waiting: number | null;
}

export interface Stats {
  totalCachedImages: number;
  totalChatsWithImages: number;
  totalStorageBytes: number;
  pending: number;
  failed: number;
  failedByReason: Record<string, number>;
  /** Pictures that no chat shows, as the last sweep counted them; null before the first sweep. */
  orphaned: number | null;
  storage: { originalBytes: number | null; servedBytes: number | null };
  deduplication: {
    references: number;
    images: number;
    blobs: number;
    downloadsSaved: number;
    bytesSaved: number;
  };
  lastSync: { succeededAt: Moment | null; completedAt: Moment | null };
  origin: Origin;
  accounts: Account[];
}

export interface ImageRow {
  sourceUrl: string | null;
  reason: string | null;
  failedAt: Moment | null;
  nextAttemptAt: Moment | null;
}

export interface ImageRows {
  images: ImageRow[];
  nextCursor: string | null;
}

/** A chat or a member that shows a picture which is not cached. `participantId` is null for the chat's own picture. */
export interface Reference {
  chatId: string;
  chatTitle: string | null;
  participantId: string | null;
  fullName: string | null;
  source: "chat" | "participant" | "contact" | "former";
  sourceUrl: string;
  status: string;
  reason: string | null;
}

export interface References {
  references: Reference[];
  nextCursor: string | null;
}

/** A picture that a member may show, or the chat itself. Of several, pages show the one with `isShown`. */
export interface ShownPicture {
  sourceUrl: string;
  isShown: boolean;
}

export interface PicturesOfPlace {
  pictures: ShownPicture[];
}

/** A request for a picture, and what was answered, such as "24310 bytes". */
export interface Attempt {
  answer: string;
}

/** The story of one picture. `summary` tells it in sentences. */
export interface Story {
  sourceUrl: string;
  status: string;
  reason: string | null;
  attempts: Attempt[];
  queuedAt: Moment | null;
  heldUntil: Moment | null;
  summary: string[];
  image: Image;
  shownBy: { chatId: string; chatTitle: string | null }[];
}

export interface Accepted {
  jobId: string;
}

export interface Job {
  jobId: string;
  status: "queued" | "running" | "done" | "failed";
  progress: Record<string, number>;
  result: { error?: string; outcome?: string };
}
