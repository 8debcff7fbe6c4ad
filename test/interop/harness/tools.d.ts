export declare function missingTools(also?: { go?: boolean }): string[]
export declare const nodePeerDirectory: string
export declare function installNodePeer(): Promise<void>
export declare function goProgram(name: string): string
export declare function buildGo(name: string): Promise<unknown>
export declare function hasGo(): boolean
