/** How a send was called: awaited, with a callback, or oneway; Java's `CommunicationMode`. */
export type CommunicationMode = 'SYNC' | 'ASYNC' | 'ONEWAY'
