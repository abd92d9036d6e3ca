"""Plans of coils and of montages: what is asked, the stages in their order, and the files that people use."""
