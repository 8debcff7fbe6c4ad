/** Where a producer stands; Java's `ServiceState`. START_FAILED also covers the time while it starts. A stopped one never starts again. */
export type ServiceState = 'CREATE_JUST' | 'START_FAILED' | 'RUNNING' | 'SHUTDOWN_ALREADY'
