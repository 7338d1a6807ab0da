/* placeholder */ typedef int agent_empty;
