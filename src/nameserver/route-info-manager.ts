/** The name server's tables; Java's `RouteInfoManager`. */
export declare class RouteInfoManager {}
