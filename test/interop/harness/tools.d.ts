export declare function missingTools(also?: { go?: boolean }): string[]
export declare const nodePeerDirectory: string
export declare function installNodePeer(): Promise<void>
