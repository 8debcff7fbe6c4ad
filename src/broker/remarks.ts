/** The tail that 5.3.3 puts behind remarks people ask about. */
export const FAQ = '\nSee https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details.'
